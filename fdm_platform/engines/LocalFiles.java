package fdm_platform;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Shell;

/**
 * Hadoop's file system of local paths, which sets the mode of a file by a call instead of by a process.
 *
 * Without Hadoop's native library, which Spark does not bring, RawLocalFileSystem runs /bin/chmod for every
 * file and folder that it makes: 14 processes for a date of two files. Written in the Java that Janino,
 * Spark's own compiler, understands; compiled once, with the class-data archive (class_archive.py).
 */
public class LocalFiles extends LocalFileSystem {

  private static final int ALL = 0777;

  public LocalFiles() {
    super(new ModesByCall());
  }

  private static class ModesByCall extends RawLocalFileSystem {

    public void setPermission(Path path, FsPermission permission) throws IOException {
      int mode = permission.toShort();
      if (Shell.WINDOWS || (mode & ALL) != mode) {
        super.setPermission(path, permission);
        return;
      }
      EnumSet set = EnumSet.noneOf(PosixFilePermission.class);
      PosixFilePermission[] bits = PosixFilePermission.values(); // from the owner's read to the others' execute
      for (int i = 0; i < bits.length; i++) {
        if ((mode & (1 << (bits.length - 1 - i))) != 0) {
          set.add(bits[i]);
        }
      }
      Files.setPosixFilePermissions(this.pathToFile(path).toPath(), set);
    }
  }
}
